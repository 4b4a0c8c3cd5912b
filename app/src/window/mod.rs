//! The window. Three parts that know little of each other: [`state`] is plain data, [`views`] draw it and hand
//! back [`actions`], and [`tasks`] do on threads what takes time, through a [`backend`].

pub mod actions;
pub mod app;
pub mod backend;
pub mod commands;
mod fonts;
pub mod format;
pub mod graph;
pub mod heat;
mod lost;
pub mod messages;
pub mod panels;
pub mod picture;
pub mod project;
pub mod settings;
pub mod state;
pub mod tasks;
pub mod theme;
pub mod views;
pub mod words;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use app::OctetWindow;
use backend::{EngineBackend, ProjectBackend};

/// Where `OCTET_TRACE_START=1` logs how long the start took.
pub const START_TARGET: &str = "octet::start";

/// How the window starts.
#[derive(Debug, Clone)]
pub struct WindowOptions {
    /// A model, a run folder or a folder of pictures to open at once.
    pub open: Option<PathBuf>,
    /// When the process started; `OCTET_TRACE_START=1` reports the time until the first frame.
    pub started: Instant,
}

/// Opens the window and returns when the user closes it.
pub fn run(options: WindowOptions) -> anyhow::Result<()> {
    #[cfg(all(unix, not(target_os = "macos")))]
    if ["DISPLAY", "WAYLAND_DISPLAY", "WAYLAND_SOCKET"]
        .iter()
        .all(|name| std::env::var_os(name).is_none_or(|value| value.is_empty()))
    {
        anyhow::bail!(
            "there is no display: neither DISPLAY nor WAYLAND_DISPLAY is set; `octet --help` lists what works without one"
        );
    }
    let backend = EngineBackend::default();
    let size = backend.settings().window_size();
    let native = eframe::NativeOptions {
        viewport: egui::ViewportBuilder::default()
            .with_title("Octet")
            .with_app_id("octet")
            .with_inner_size(size)
            .with_min_inner_size(settings::SMALLEST)
            .with_icon(icon())
            .with_drag_and_drop(true),
        renderer: eframe::Renderer::Glow,
        ..Default::default()
    };
    eframe::run_native(
        "Octet",
        native,
        Box::new(move |cc| Ok(Box::new(OctetWindow::new(cc, Arc::new(backend), options)))),
    )
    .map_err(|error| anyhow::anyhow!("{error}"))
}

/// The window's icon; an icon that cannot be decoded is logged and left out.
fn icon() -> egui::IconData {
    match eframe::icon_data::from_png_bytes(include_bytes!("../../../icons/octet-256.png")) {
        Ok(icon) => icon,
        Err(error) => {
            tracing::warn!("the icon cannot be decoded: {error}");
            egui::IconData::default()
        }
    }
}
