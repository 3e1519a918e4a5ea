//! haven-jobs
