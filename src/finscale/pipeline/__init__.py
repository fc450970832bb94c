"""The verbs: the only room in which the others meet. Each is entered by its own file."""
