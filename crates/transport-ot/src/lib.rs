//! Transport between two samples: discrepancies on host matrices and tensors
