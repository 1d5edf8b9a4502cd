//! Datasets, readers, writers and scaling for transport: host matrices, no tensors
