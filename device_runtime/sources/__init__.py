"""Where frames come from: files, a camera."""
