//! The default int8 flow.
