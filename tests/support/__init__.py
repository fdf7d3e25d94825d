"""What tests share: small sweeps and trials, stores, the command line, processes that die on purpose."""
