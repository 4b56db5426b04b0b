"""Members of staff: their accounts, rights and sign-in."""
