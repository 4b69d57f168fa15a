"""Weather: answers from a bundled table of published climate normals."""
