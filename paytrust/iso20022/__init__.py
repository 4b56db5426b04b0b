"""What every ISO 20022 message needs: building, identifiers, registers, checks, safe reading."""
