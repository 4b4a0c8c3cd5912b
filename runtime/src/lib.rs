//! Integer inference of `.espdl` networks.
#![cfg_attr(not(feature = "std"), no_std)]
