//! Service Broker and event notifications.
use super::absent;
use crate::definition::Definition;
use crate::objects::OBJECT;

const NOTIFICATION: &str = "name sysname, object_id int, parent_class tinyint, parent_class_desc nvarchar(60) null, \
    parent_id int, create_date datetime, modify_date datetime, service_name nvarchar(256) null, \
    broker_instance nvarchar(128) null, creator_sid varbinary(85) null, principal_id int null";

pub const VIEWS: &[Definition] = &[
    absent("event_notifications", &[NOTIFICATION]),
    absent("server_event_notifications", &[NOTIFICATION]),
    absent(
        "events",
        &[
            "object_id int, type int, type_desc nvarchar(60), is_trigger_event bit null",
            "event_group_type int null, event_group_type_desc nvarchar(60) null",
        ],
    ),
    absent(
        "conversation_priorities",
        &[
            "priority_id int, name sysname, service_contract_id int null, local_service_id int null",
            "remote_service_name nvarchar(256) null, priority tinyint",
        ],
    ),
    absent(
        "remote_service_bindings",
        &[
            "name sysname, remote_service_binding_id int, principal_id int null",
            "remote_service_name nvarchar(256) null, service_contract_id int, remote_principal_id int null",
            "is_anonymous_on bit",
        ],
    ),
    absent(
        "routes",
        &[
            "name sysname, route_id int, principal_id int null, remote_service_name nvarchar(256) null",
            "broker_instance nvarchar(128) null, lifetime datetime null, address nvarchar(256) null",
            "mirror_address nvarchar(256) null",
        ],
    ),
    absent(
        "service_contract_message_usages",
        &["service_contract_id int, message_type_id int, is_sent_by_initiator bit, is_sent_by_target bit"],
    ),
    absent("service_contract_usages", &["service_id int, service_contract_id int"]),
    absent("service_contracts", &["name sysname, service_contract_id int, principal_id int null"]),
    absent(
        "service_message_types",
        &[
            "name sysname, message_type_id int, principal_id int null, validation char(2)",
            "validation_desc nvarchar(60) null, xml_collection_id int null",
        ],
    ),
    absent(
        "service_queues",
        &[
            OBJECT,
            "max_readers smallint null, activation_procedure nvarchar(776) null, execute_as_principal_id int null",
            "is_activation_enabled bit, is_receive_enabled bit, is_enqueue_enabled bit, is_retention_enabled bit",
            "is_poison_message_handling_enabled bit null",
        ],
    ),
    absent("services", &["name sysname, service_id int, principal_id int null, service_queue_id int"]),
];
