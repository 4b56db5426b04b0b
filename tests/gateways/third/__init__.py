"""A gateway that exists only here: it shows that one folder and one line of settings add one."""
