"""Training and fine-tuning, with a state that an interrupted run goes on from."""
