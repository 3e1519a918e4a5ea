//! haven-oci
