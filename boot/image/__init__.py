"""What the build makes of the loaders, the images and the guests' files: stage 2, the archive, the ISO."""
