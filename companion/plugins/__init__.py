"""Hosted plugins: found, bound or learnt, and matched."""
