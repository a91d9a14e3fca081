"""Where images come from: folders, archives, downloads, CIFAR-10, installed packages."""
