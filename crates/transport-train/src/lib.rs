//! Objectives, the trainer, checkpoints, evaluation, the model registry and saved runs
