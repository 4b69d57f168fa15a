//! What holds for every message, task and event that both versions can say, and for any JSON.

use proptest::prelude::*;
use serde_json::{Value, json};
use tollgate_a2a::convert::{
    Model, Refusal, event_from_hub, event_to_hub, params_from_hub, params_to_hub, result_from_hub, result_to_hub,
    visit_params, visit_result,
};
use tollgate_policy::Operation;

use crate::generate;

const OLDER: [Model; 2] = [Model::V03Rpc, Model::V03Rest];
const OPERATIONS: [Operation; 11] = [
    Operation::SendMessage,
    Operation::SendStreamingMessage,
    Operation::GetTask,
    Operation::ListTasks,
    Operation::CancelTask,
    Operation::SubscribeToTask,
    Operation::CreatePushConfig,
    Operation::GetPushConfig,
    Operation::ListPushConfigs,
    Operation::DeletePushConfig,
    Operation::GetExtendedCard,
];

fn is_told(result: Result<Value, Refusal>, codes: &[i32]) -> bool {
    result.err().is_none_or(|refusal| codes.contains(&refusal.code) && !refusal.message.is_empty())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_message_sent_there_and_back_is_the_same(message in generate::message()) {
        let hub = json!({ "message": message });
        for model in OLDER {
            let older = params_from_hub(Operation::SendMessage, model, hub.clone()).unwrap();
            prop_assert_eq!(params_to_hub(Operation::SendMessage, model, older).unwrap(), hub.clone());
        }
    }

    #[test]
    fn a_task_there_and_back_is_the_same(task in generate::task()) {
        for model in OLDER {
            let older = result_from_hub(Operation::GetTask, model, task.clone()).unwrap();
            prop_assert_eq!(result_to_hub(Operation::GetTask, model, older).unwrap(), task.clone());
        }
    }

    #[test]
    fn an_event_there_and_back_is_the_same(event in generate::event()) {
        for model in OLDER {
            let older = event_from_hub(model, event.clone()).unwrap();
            prop_assert_eq!(event_to_hub(model, older).unwrap(), event.clone());
        }
    }

    #[test]
    fn any_json_is_translated_or_refused(json in generate::any_json(), operation in proptest::sample::select(&OPERATIONS[..])) {
        for model in OLDER {
            let request = [Refusal::INVALID_PARAMS, Refusal::UNSUPPORTED_OPERATION, Refusal::CONTENT_TYPE];
            prop_assert!(is_told(params_to_hub(operation, model, json.clone()), &request));
            prop_assert!(is_told(params_from_hub(operation, model, json.clone()), &request));
            let answer = [Refusal::INVALID_AGENT_RESPONSE, Refusal::UNSUPPORTED_OPERATION];
            prop_assert!(is_told(result_to_hub(operation, model, json.clone()), &answer));
            prop_assert!(is_told(result_from_hub(operation, model, json.clone()), &answer));
        }
        let mut visited = json.clone();
        let same = &mut |_, id: &str| Ok(id.to_owned());
        if visit_params(operation, &mut visited, same).is_ok() && visit_result(&mut visited, same).is_ok() {
            // `tasks/t/` and `tasks/t` are one name; there is none of the former among what is generated.
            prop_assert_eq!(visited, json);
        }
    }

    #[test]
    fn an_answer_is_the_same_from_its_second_way_on(json in generate::any_json(), operation in proptest::sample::select(&OPERATIONS[..])) {
        for model in OLDER {
            let there_and_back = |hub| result_to_hub(operation, model, result_from_hub(operation, model, hub)?);
            // On the first way, what only one version requires is added.
            if let Ok(once) = result_to_hub(operation, model, json.clone()).and_then(there_and_back) {
                prop_assert_eq!(there_and_back(once.clone()), Ok(once));
            }
        }
    }
}
