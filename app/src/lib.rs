//! Octet, the desktop program. Everything it shows is a library, so that it can be tested without a window.

pub mod board_words;
pub mod cli;
pub mod demo;
pub mod i18n;
pub mod scaffold;
pub mod window;
