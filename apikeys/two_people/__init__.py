"""Acts on the platform that take two people: kinds, proposals, decisions."""
