"""A gateway that exists only here, to show that one folder and one line of settings add one."""
