"""The commands (verbs), one file each. Only this room uses all the others."""
