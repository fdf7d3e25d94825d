"""The tests, in folders like the packages'. What several of them need is in `tests/support`, and only there."""
