//! The layers that hurt in 16 bits, the rest in 8: by a list of names, or by a search that promotes the operations
//! which gain most for their time until a budget is used up or a target is met.
//!
//! It widens a draft that is complete in 8 bits, so `int8` (or another strategy) stands before it in the chain.

mod names;
mod search;
mod settings;
mod trial;
mod units;
mod widen;

use octet_plugin_api::sdk::{Error, Host, Info, Log, Strategy};
use settings::Settings;
use trial::Trial;
use units::Units;

struct MixedPrecision;

impl Strategy for MixedPrecision {
    const INFO: Info = Info {
        id: "dev.octet.mixed-precision",
        name: "mixed precision",
        version: env!("CARGO_PKG_VERSION"),
        vendor: "Octet",
        description: "Puts the layers that hurt into 16 bits: those that you name, or those that gain most for the time \
                      they cost. Comes after int8 in the chain.",
        targets: &[],
    };
    type Settings = Settings;

    fn run(settings: &Settings, host: &mut Host<'_>) -> Result<(), Error> {
        host.progress(0.0, "the draft so far")?;
        require_complete(host)?;
        let units = Units::of(host)?;
        let named = names::matching(&settings.layers, &units, "layers")?;
        let excluded = names::matching(&settings.except, &units, "except")?;
        let mut trial = Trial::new(host, &units, settings)?;
        if !named.is_empty() {
            trial.by_hand(&named)?;
        }
        if settings.searches() {
            search::run(settings, &excluded, &mut trial)?;
        }
        for finding in host.complete(true)? {
            let level = if finding.ends_with("(done)") { Log::Info } else { Log::Warning };
            host.log(level, &finding);
        }
        host.progress(1.0, "done")
    }
}

/// Every slot must have exponents, since nothing but widths is decided here.
fn require_complete(host: &Host<'_>) -> Result<(), Error> {
    for slot in host.slots()? {
        if host.exponents(slot.tensor, slot.bits)?.is_empty() {
            let tensor = host.tensor(slot.tensor)?.name;
            return Err(Error::failed(format!(
                "`{tensor}` has no exponent yet: put int8 (or another strategy that chooses exponents) before \
                 mixed-precision, e.g. --strategy int8,mixed-precision"
            )));
        }
    }
    Ok(())
}

octet_plugin_api::export_strategy!(MixedPrecision);
