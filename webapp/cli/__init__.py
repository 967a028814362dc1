"""Commands for whoever runs the place: `flask links …`, `flask payments …`, `flask mail …`."""
