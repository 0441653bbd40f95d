//! Schedules in the browser: when they run, and a run on request.

use hookyard::domain::access::Role;

use super::acts::noted;
use super::browser::Browser;
use super::escaping::{EVIL, assert_inert};
use super::refusals::assert_refused;
use crate::support::api::Api;

const RUN: &str = "/admin/schedules/a/nightly/run/";
const PAUSE: &str = "/admin/schedules/a/nightly/pause/";
const RESUME: &str = "/admin/schedules/a/nightly/resume/";

async fn scheduled(more: &str) -> Api {
    let api = Api::start().await;
    let text = format!(
        "[plugins.a]\ncomponent = \"a.wasm\"\n{more}\n[[plugins.a.schedules]]\nname = \"nightly\"\n\
         cron = \"0 3 * * *\"\ntimezone = \"Europe/Paris\"\n[[plugins.a.schedules]]\ncron = \"*/15 * * * *\"\n\
         name = '''{EVIL}'''\n",
    );
    api.set_plugins(&text).await;
    api
}

#[tokio::test]
async fn a_schedule_is_run_now_and_its_event_shown() {
    let api = scheduled("").await;
    let browser = Browser::of(&api, Role::Operator).await;
    let list = browser.page("/admin/schedules/").await;
    assert!(
        list.contains("0 3 * * *") && list.contains("Europe/Paris"),
        "{list}"
    );
    assert!(
        list.contains("in 13 h") && list.contains("It never ran"),
        "{list}"
    );
    assert_inert(&list, "the list");
    let run = browser.submit(RUN, &[]).await.expect(303);
    let event = run.header("location").to_owned();
    assert!(event.ends_with("?done=started"), "{event}");
    let entry = noted(&api).await;
    assert_eq!((&*entry.action, &*entry.target), ("schedule.run", "a/nightly"));
    assert!(browser.page(&event).await.contains("The schedule runs now"));
    let list = browser.page("/admin/schedules/").await;
    assert!(list.contains("manual"), "{list}");
    let history = browser.page("/admin/schedules/a/nightly/").await;
    assert!(
        history.contains("manual") && history.contains(event.split('?').next().expect("a path")),
        "{history}"
    );
    for path in ["/admin/schedules/a/none/", "/admin/schedules/A/nightly/"] {
        browser.get(path).await.expect(404);
    }
    api.stop().await;
}

#[tokio::test]
async fn a_schedule_of_a_plugin_that_is_off_is_not_run() {
    let api = scheduled("enabled = false").await;
    let browser = Browser::of(&api, Role::Operator).await;
    let list = browser.page("/admin/schedules/").await;
    assert!(
        list.contains("does not run") && !list.contains("Run now"),
        "{list}"
    );
    let refused = browser.submit(RUN, &[]).await.expect(409);
    assert!(refused.text.contains("disabled"), "{}", refused.text);
    api.stop().await;
}

#[tokio::test]
async fn a_schedule_is_paused_until_somebody_resumes_it() {
    let api = scheduled("").await;
    let browser = Browser::of(&api, Role::Operator).await;
    let paused = browser.submit(PAUSE, &[]).await.expect(303);
    assert_eq!(paused.header("location"), "/admin/schedules/?done=paused");
    let entry = noted(&api).await;
    assert_eq!((&*entry.action, &*entry.target), ("schedule.pause", "a/nightly"));
    let list = browser.page(paused.header("location")).await;
    for shown in [
        "The schedule is paused",
        "<span class=\"state paused\">paused</span>",
        "by the-operator: it makes no ticks",
        "action=\"/admin/schedules/a/nightly/resume/\"",
        "action=\"/admin/schedules/a/nightly/run/\"",
    ] {
        assert!(list.contains(shown), "{shown}: {list}");
    }
    let resumed = browser.submit(RESUME, &[]).await.expect(303);
    let entry = noted(&api).await;
    assert_eq!((&*entry.action, &*entry.target), ("schedule.resume", "a/nightly"));
    let list = browser.page(resumed.header("location")).await;
    assert!(
        list.contains("The schedule goes on") && !list.contains("it makes no ticks"),
        "{list}"
    );
    assert!(
        list.contains("action=\"/admin/schedules/a/nightly/pause/\""),
        "{list}"
    );
    browser
        .submit("/admin/schedules/a/none/pause/", &[])
        .await
        .expect(404);
    api.stop().await;
}

#[tokio::test]
async fn only_operators_run_schedules() {
    let api = scheduled("").await;
    let (operator, viewer) = (
        Browser::of(&api, Role::Operator).await,
        Browser::of(&api, Role::Viewer).await,
    );
    assert!(!viewer.page("/admin/schedules/").await.contains("Run now"));
    for path in [RUN, PAUSE, RESUME] {
        assert_refused(path, &operator, &viewer, &[]).await;
    }
    api.stop().await;
}
