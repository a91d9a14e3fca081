"""The public pool: crops of photos, the key-point filter, the Zarr stores."""
