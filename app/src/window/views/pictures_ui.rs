//! The second step's page: folders of pictures.

use std::borrow::Cow;
use std::path::PathBuf;

use egui::{
    Align, CollapsingHeader, CornerRadius, Label, Layout, ProgressBar, Rect, RichText, Sense, Ui, pos2, vec2,
};
use octet_engine::report::{Finding, PictureRole, Remedy, Severity, SkippedPicture};

use super::icon_ui::{Icon, icon_button};
use super::missing_ui::missing_ui;
use super::preprocessing_ui::preprocessing_ui;
use super::preview_ui::preview_ui;
use super::thumbnails_ui::{thousands, thumbnails_ui};
use super::widgets::{caption, card, heading, notice, problem_ui, quiet_button, section};
use crate::i18n::said;
use crate::window::actions::{Action, Actions, PicturesAction};
use crate::window::backend::Pick;
use crate::window::state::{Check, ClassShare, PictureFolder, Place, State};
use crate::window::theme::{GAP, tokens};
use crate::{tr, trn};

/// Classes that are listed by name; more are drawn as a strip.
const NAMED_CLASSES: usize = 10;
/// Files that a list names.
const NAMED_FILES: usize = 100;

/// The pictures' page.
pub(super) fn pictures_ui(ui: &mut Ui, state: &State, out: &mut Actions) {
    heading(ui, "Pictures");
    caption(
        ui,
        "Calibration looks at a few dozen pictures of the kind the chip will see. They need no labels. Drop folders anywhere on the window.",
    );
    problem_ui(ui, state, Place::Pictures, out);
    missing_ui(ui, state, out);
    // The same folder may be used for both, and no widget is taken for another when one above it comes or goes.
    ui.push_id("calibration", |ui| calibration_ui(ui, state, out));
    ui.push_id("evaluation", |ui| evaluation_ui(ui, state, out));
    ui.push_id("pre-processing", |ui| preprocessing_ui(ui, state, out));
    ui.push_id("preview", |ui| preview_ui(ui, state));
}

fn calibration_ui(ui: &mut Ui, state: &State, out: &mut Actions) {
    let pictures = &state.pictures;
    section(ui, "Calibration");
    for (index, folder) in pictures.folders.iter().enumerate() {
        if folder_ui(ui, folder) {
            out.push(Action::RemovePictures(index));
        }
        ui.add_space(2.0);
    }
    if !pictures.asked.is_empty() {
        ui.horizontal(|ui| {
            ui.add(egui::Spinner::new().size(14.0).color(tokens(ui).accent));
            caption(ui, "Looking at the folder…");
        });
    }
    thumbnails_ui(ui, state, &pictures.sample(), pictures.listed(), PictureRole::Calibration, out);
    ui.push_id("check", |ui| check_ui(ui, state, out));
    choose_ui(ui, &tr!("Add a folder…"), Pick::Pictures, out);
}

fn evaluation_ui(ui: &mut Ui, state: &State, out: &mut Actions) {
    let pictures = &state.pictures;
    section(ui, "Evaluation");
    let Some(folder) = &pictures.evaluation else {
        caption(
            ui,
            "Optional: other pictures with known classes tell how many are named rightly before and after. One folder for each class, or a table of labels.",
        );
        choose_ui(ui, &tr!("Choose a folder…"), Pick::Evaluation, out);
        if pictures.labels.is_some() {
            labels_ui(ui, state, None, out);
        }
        return;
    };
    if folder_ui(ui, folder) {
        out.push(Action::ClearEvaluation);
    }
    thumbnails_ui(ui, state, &pictures.evaluation_sample(), folder.pictures, PictureRole::Evaluation, out);
    labels_ui(ui, state, Some(folder), out);
}

/// Where the classes come from.
fn labels_ui(ui: &mut Ui, state: &State, folder: Option<&PictureFolder>, out: &mut Actions) {
    let t = tokens(ui);
    let name = |path: &std::path::Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let chosen = state.pictures.labels.as_deref();
    let found = folder.and_then(|f| f.listing.csv.as_deref());
    let words = match (chosen, found, folder) {
        (Some(chosen), _, _) => tr!("Labels: %{name}", name = name(chosen)),
        (None, Some(csv), _) => tr!("Labels: %{name}, found with the folder", name = name(csv)),
        (None, None, Some(folder)) if folder.listing.has_classes() => {
            tr!("Labels: the names of the folders")
        }
        _ => tr!("No labels: the answers are compared with the float network's alone"),
    };
    ui.horizontal(|ui| {
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if chosen.is_some() && icon_button(ui, Icon::Cross, "Remove the table of labels").clicked() {
                out.push(Action::Pictures(PicturesAction::ClearLabels));
            }
            let button = quiet_button(ui, "Choose…").on_hover_text(tr!(
                "A CSV: file,class_index,class_name; paths are relative to the folder of pictures. It can be dropped on the window."
            ));
            if button.accessible_name(tr!("Choose a table of labels")).clicked() {
                out.push(Action::Ask(Pick::Labels));
            }
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                ui.add(Label::new(RichText::new(words).small().color(t.weak)).wrap());
            });
        });
    });
}

fn choose_ui(ui: &mut Ui, text: &str, what: Pick, out: &mut Actions) {
    ui.add_space(GAP / 2.0);
    ui.horizontal(|ui| {
        if ui.button(text).clicked() {
            out.push(Action::Ask(what));
        }
        let button = quiet_button(ui, "Type a path…");
        if button.accessible_name(tr!("Type a path: %{what}", what = tr!(what.title()))).clicked() {
            out.push(Action::ShowPathField(what));
        }
    });
}

/// A folder; true when it should go.
fn folder_ui(ui: &mut Ui, folder: &PictureFolder) -> bool {
    let t = tokens(ui);
    card(ui, |ui| {
        let name = folder.name();
        let mut goes = false;
        ui.horizontal(|ui| {
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                goes = icon_button(ui, Icon::Cross, &tr!("Remove %{name}", name = name)).clicked();
                ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                    ui.add(Label::new(RichText::new(&name).color(t.strong)).truncate());
                });
            });
        });
        let mut words = count_words(folder.pictures, folder.classes);
        if folder.others > 0 {
            let n = thousands(folder.others);
            words = trn!(
                folder.others,
                "%{words}, 1 other file",
                "%{words}, %{n} other files",
                words = words,
                n = n
            );
        }
        let label = ui.label(RichText::new(words).small().color(t.weak));
        label.on_hover_text(folder.path.display().to_string());
        balance_ui(ui, &folder.balance);
        skipped_ui(ui, &folder.listing.skipped, &name);
        goes
    })
}

/// How many pictures there are, and in how many classes where there are several.
fn count_words(pictures: usize, classes: usize) -> Cow<'static, str> {
    let (n, many) = (thousands(pictures), thousands(classes));
    match classes {
        0 | 1 => trn!(pictures, "1 picture", "%{n} pictures", n = n),
        _ => trn!(
            pictures,
            "1 picture in %{classes} classes",
            "%{n} pictures in %{classes} classes",
            classes = many,
            n = n
        ),
    }
}

/// How many pictures each class has.
fn balance_ui(ui: &mut Ui, classes: &[ClassShare]) {
    let t = tokens(ui);
    let Some(most) = classes.iter().map(|c| c.pictures).max() else { return };
    let least = classes.iter().map(|c| c.pictures).min().unwrap_or(0);
    ui.add_space(2.0);
    if classes.len() <= NAMED_CLASSES {
        for class in classes {
            let (row, response) = ui.allocate_exact_size(vec2(ui.available_width(), 15.0), Sense::hover());
            let words =
                trn!(class.pictures, "%{name}: 1 picture", "%{name}: %{n} pictures", name = class.name);
            response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Label, true, &*words));
            let named = row.width() * 0.42;
            let room = (row.width() - named - 44.0).max(4.0);
            let left = row.left() + named + 6.0;
            let width = (class.pictures as f32 / most as f32 * room).max(1.0);
            let bar = Rect::from_min_max(pos2(left, row.top() + 4.0), pos2(left + width, row.bottom() - 3.0));
            ui.painter().rect_filled(bar, CornerRadius::same(2), t.accent);
            let font = egui::FontId::proportional(crate::window::theme::SMALL_SIZE);
            let painter = ui
                .painter()
                .with_clip_rect(Rect::from_min_max(row.min, pos2(row.left() + named, row.bottom())));
            painter.text(row.left_center(), egui::Align2::LEFT_CENTER, &class.name, font, t.weak);
            let figures = crate::window::theme::figures();
            ui.painter().text(
                row.right_center(),
                egui::Align2::RIGHT_CENTER,
                thousands(class.pictures),
                figures,
                t.text,
            );
            response.on_hover_text(words);
        }
        return;
    }
    let (strip, response) = ui.allocate_exact_size(vec2(ui.available_width(), 34.0), Sense::hover());
    let words = if least == most {
        tr!("each of %{classes} classes has %{n}", classes = thousands(classes.len()), n = most)
    } else {
        tr!(
            "%{classes} classes with %{least} to %{most} pictures each",
            classes = thousands(classes.len()),
            least = thousands(least),
            most = thousands(most)
        )
    };
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Label, true, &*words));
    let step = strip.width() / classes.len() as f32;
    let gap = if step > 4.0 { 1.0 } else { 0.0 };
    // Where classes are closer than pixels, the highest of each pixel is what is seen.
    for (i, class) in classes.iter().enumerate() {
        let height = (class.pictures as f32 / most as f32 * strip.height()).max(1.0);
        let left = strip.left() + i as f32 * step;
        let bar = Rect::from_min_max(
            pos2(left, strip.bottom() - height),
            pos2(left + (step - gap).max(0.6), strip.bottom()),
        );
        ui.painter().rect_filled(bar, CornerRadius::ZERO, t.accent.gamma_multiply(0.8));
    }
    let under = response.hover_pos().map(|p| ((p.x - strip.left()) / step) as usize);
    let response = match under.and_then(|i| classes.get(i)) {
        Some(class) => response.on_hover_text(trn!(
            class.pictures,
            "%{name} (class %{class}): 1 picture",
            "%{name} (class %{class}): %{n} pictures",
            name = class.name,
            class = class.class
        )),
        None => response,
    };
    drop(response);
    ui.label(RichText::new(words).small().color(t.weak));
}

fn skipped_ui(ui: &mut Ui, skipped: &[SkippedPicture], whose: &str) {
    if skipped.is_empty() {
        return;
    }
    let t = tokens(ui);
    let title = trn!(
        skipped.len(),
        "1 file cannot be used",
        "%{n} files cannot be used",
        n = thousands(skipped.len())
    );
    let title = RichText::new(title).small().color(t.warn);
    CollapsingHeader::new(title).id_salt(("skipped", whose)).show(ui, |ui| {
        for picture in skipped.iter().take(NAMED_FILES) {
            let text = format!("{}: {}", picture.file, picture.reason);
            ui.add(Label::new(RichText::new(text).small().color(t.weak)).wrap().selectable(true));
        }
        if skipped.len() > NAMED_FILES {
            caption(ui, &tr!("and %{n} more", n = thousands(skipped.len() - NAMED_FILES)));
        }
    });
}

/// The pictures that the user does without, and the way back.
fn left_out_ui(ui: &mut Ui, state: &State, out: &mut Actions) {
    let left_out: Vec<&PathBuf> = state.pictures.left_out_here().collect();
    if left_out.is_empty() {
        return;
    }
    let t = tokens(ui);
    let words = trn!(
        left_out.len(),
        "1 picture is left out",
        "%{n} pictures are left out",
        n = thousands(left_out.len())
    );
    ui.horizontal(|ui| {
        let named = left_out.iter().take(NAMED_FILES);
        let mut names: Vec<String> = named.map(|path| path.display().to_string()).collect();
        if left_out.len() > NAMED_FILES {
            names.push("…".to_owned());
        }
        ui.label(RichText::new(words).small().color(t.weak)).on_hover_text(names.join("\n"));
        if quiet_button(ui, "Use them again").clicked() {
            out.push(Action::Pictures(PicturesAction::UseAll));
        }
    });
}

/// What a look at all calibration pictures found.
fn check_ui(ui: &mut Ui, state: &State, out: &mut Actions) {
    let t = tokens(ui);
    let pictures = &state.pictures;
    if pictures.folders.is_empty() {
        return;
    }
    left_out_ui(ui, state, out);
    match &pictures.check {
        Check::None if state.model.open.is_none() => {
            caption(ui, "Open a model to have the pictures checked.");
        }
        Check::None => {}
        Check::Running(ticket) => {
            let done = ticket.done();
            ui.horizontal(|ui| {
                ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                    if quiet_button(ui, "Stop").accessible_name(tr!("Stop checking the pictures")).clicked() {
                        out.push(Action::Pictures(PicturesAction::CancelCheck));
                    }
                    let fraction = done as f32 / ticket.total.max(1) as f32;
                    let bar =
                        ProgressBar::new(fraction).desired_height(8.0).desired_width(70.0).fill(t.accent);
                    ui.add(bar).accessible_name(tr!("Progress of the check"));
                    ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                        let words = tr!(
                            "Checking %{n} of %{total}",
                            n = thousands(done),
                            total = thousands(ticket.total)
                        );
                        ui.add(Label::new(RichText::new(words).small().color(t.weak)).truncate());
                    });
                });
            });
            ui.ctx().request_repaint_after_secs(0.1);
        }
        Check::Cancelled => {
            ui.horizontal(|ui| {
                caption(ui, "The pictures were not checked.");
                if quiet_button(ui, "Check them").clicked() {
                    out.push(Action::Pictures(PicturesAction::CheckAgain));
                }
            });
        }
        Check::Done(survey) => {
            skipped_ui(ui, &survey.skipped, "checked");
            if survey.findings.is_empty() && survey.pictures > 0 {
                caption(ui, "Checked: nothing looks wrong with these pictures.");
            }
            for finding in &survey.findings {
                finding_ui(ui, finding, out);
            }
        }
    }
}

fn finding_ui(ui: &mut Ui, finding: &Finding, out: &mut Actions) {
    let t = tokens(ui);
    let colour = match finding.severity {
        Severity::Problem => t.error,
        Severity::Warning => t.warn,
        Severity::Hint => t.accent,
    };
    ui.add_space(2.0);
    notice(ui, colour, &said(&finding.text, finding.words.as_ref()), "");
    ui.horizontal(|ui| {
        ui.add_space(12.0);
        let words = tr!(&finding.button);
        let name = format!("{words}: {}", finding.rule);
        match &finding.remedy {
            Remedy::Preprocessing { settings } => {
                if ui.button(&*words).accessible_name(name).clicked() {
                    out.push(Action::Pictures(PicturesAction::ChangePreprocessing(settings.clone())));
                }
            }
            Remedy::Pictures { leave_out, .. } if !leave_out.is_empty() => {
                if ui.button(&*words).accessible_name(name).clicked() {
                    out.push(Action::Pictures(PicturesAction::LeaveOut(leave_out.clone())));
                }
                let which = tr!("Which ones");
                let header = CollapsingHeader::new(RichText::new(which).small().color(t.weak));
                header.id_salt(("leave out", &finding.rule)).show(ui, |ui| {
                    for file in leave_out.iter().take(NAMED_FILES) {
                        let text = RichText::new(file).small().color(t.weak);
                        ui.add(Label::new(text).wrap().selectable(true));
                    }
                    if leave_out.len() > NAMED_FILES {
                        caption(ui, &tr!("and %{n} more", n = thousands(leave_out.len() - NAMED_FILES)));
                    }
                });
            }
            Remedy::Pictures { role, .. } => {
                let what = match role {
                    PictureRole::Calibration => Pick::Pictures,
                    PictureRole::Evaluation => Pick::Evaluation,
                };
                if ui.button(format!("{words}…")).accessible_name(name).clicked() {
                    out.push(Action::Ask(what));
                }
            }
            Remedy::Pipeline { .. } => caption(ui, &finding.button),
        }
    });
}
