"""The challenge itself: scheme, plan, encryption, labels, manifest, verification."""
