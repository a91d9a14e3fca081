"""The attacks that InstaHide's authors tried, and against which they called it safe."""
