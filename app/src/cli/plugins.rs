//! `octet plugin`, and finding the strategies that other commands name.

use std::path::Path;

use octet_engine::host::{Discovery, Found, SearchPath, TrustStore, discover as discover_in};
use octet_engine::job::Workers;
use serde_json::json;

use super::UsageError;
use super::args::PluginCommand;
use super::output::{print_json, print_line};

pub(super) fn run(command: &PluginCommand) -> anyhow::Result<()> {
    match command {
        PluginCommand::List { json } => list(*json),
        PluginCommand::Trust { path } => {
            let workers = Workers::of_this_program()?;
            // A file that is no plugin is refused before it is trusted.
            let description = workers.describe(path)?;
            let mut store = TrustStore::of_user()?;
            store.trust(path)?;
            print_line(&format!("trusted: {} {} ({})", description.id, description.version, path.display()));
            Ok(())
        }
    }
}

/// Everything on the search path; libraries are described in processes of their own.
pub(super) fn discover(workers: &Workers) -> anyhow::Result<Discovery> {
    let trust = TrustStore::of_user()?;
    Ok(discover_in(&SearchPath::standard(), &trust, |library: &Path| workers.describe(library)))
}

/// Finds a strategy by its id or the last part of it.
pub(super) fn resolve<'a>(installed: &'a Discovery, name: &str) -> anyhow::Result<&'a Found> {
    installed.find(name).map_err(|message| UsageError(message).into())
}

fn list(as_json: bool) -> anyhow::Result<()> {
    let installed = discover(&Workers::of_this_program()?)?;
    if as_json {
        let loaded = installed.loaded.iter().map(|f| {
            json!({
                "path": f.path,
                "id": f.description.id,
                "name": f.description.name,
                "version": f.description.version,
                "vendor": f.description.vendor,
                "description": f.description.description,
                "targets": f.description.targets,
                "schema": f.description.schema,
            })
        });
        let refused = installed.refused.iter().map(|r| json!({"path": r.path, "reason": r.reason}));
        return print_json(&json!({
            "loaded": loaded.collect::<Vec<_>>(),
            "refused": refused.collect::<Vec<_>>(),
        }));
    }
    for found in &installed.loaded {
        let d = &found.description;
        print_line(&format!("{} {}  {}", d.id, d.version, d.name));
        print_line(&format!("    {}", d.description));
        print_line(&format!("    {}", found.path.display()));
    }
    for refused in &installed.refused {
        print_line(&format!("refused  {}", refused.path.display()));
        print_line(&format!("    {}", refused.reason));
    }
    if installed.loaded.is_empty() && installed.refused.is_empty() {
        print_line("no plugin was found");
    }
    Ok(())
}
