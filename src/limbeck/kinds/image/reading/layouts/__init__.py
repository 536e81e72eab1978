"""Published layouts of folders of images."""
