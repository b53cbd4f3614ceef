//! The C interface of the Vtrix sandbox SDK.
