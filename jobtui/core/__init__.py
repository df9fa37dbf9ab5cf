"""What runs jobs: no screen, no network, no command line."""
