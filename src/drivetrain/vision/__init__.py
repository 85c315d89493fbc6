"""What only training on pictures needs: augmentation and bodies."""
