//! Keys, certificates, credentials, audits.
use super::absent;
use crate::definition::Definition;

pub const VIEWS: &[Definition] = &[
    absent(
        "asymmetric_keys",
        &[
            "name sysname, principal_id int null, asymmetric_key_id int, pvt_key_encryption_type char(2)",
            "pvt_key_encryption_type_desc nvarchar(60) null, thumbprint varbinary(32), algorithm char(2)",
            "algorithm_desc nvarchar(60) null, key_length int, sid varbinary(85) null",
            "string_sid nvarchar(128) null, public_key varbinary(max) null, attested_by nvarchar(260) null",
            "provider_type nvarchar(120) null, cryptographic_provider_guid uniqueidentifier null",
            "cryptographic_provider_algid sql_variant null",
        ],
    ),
    absent(
        "certificates",
        &[
            "name sysname, certificate_id int, principal_id int null, pvt_key_encryption_type char(2)",
            "pvt_key_encryption_type_desc nvarchar(60) null, is_active_for_begin_dialog bit null",
            "issuer_name nvarchar(442) null, cert_serial_number nvarchar(64) null, sid varbinary(85) null",
            "string_sid nvarchar(128) null, subject nvarchar(4000) null, expiry_date datetime null",
            "start_date datetime null, thumbprint varbinary(32), attested_by nvarchar(260) null",
            "pvt_key_last_backup_date datetime null, key_length int null",
        ],
    ),
    absent(
        "symmetric_keys",
        &[
            "name sysname, principal_id int null, symmetric_key_id int, key_length int, key_algorithm char(2)",
            "algorithm_desc nvarchar(60) null, create_date datetime, modify_date datetime",
            "key_guid uniqueidentifier null, key_thumbprint sql_variant null, provider_type nvarchar(120) null",
            "cryptographic_provider_guid uniqueidentifier null, cryptographic_provider_algid sql_variant null",
        ],
    ),
    absent(
        "key_encryptions",
        &[
            "key_id int null, thumbprint varbinary(32) null, crypt_type char(4) null",
            "crypt_type_desc nvarchar(60) null, crypt_property varbinary(max) null",
        ],
    ),
    absent(
        "crypt_properties",
        &[
            "class tinyint, class_desc nvarchar(60) null, major_id int, thumbprint varbinary(32)",
            "crypt_type char(4), crypt_type_desc nvarchar(60) null, crypt_property varbinary(max)",
        ],
    ),
    absent(
        "column_master_keys",
        &[
            "name sysname, column_master_key_id int, create_date datetime, modify_date datetime",
            "key_store_provider_name sysname null, key_path nvarchar(4000) null, allow_enclave_computations bit",
            "signature varbinary(max) null",
        ],
    ),
    absent(
        "column_encryption_keys",
        &["name sysname, column_encryption_key_id int, create_date datetime, modify_date datetime"],
    ),
    absent(
        "column_encryption_key_values",
        &[
            "column_encryption_key_id int, column_master_key_id int, encrypted_value varbinary(8000) null",
            "encryption_algorithm_name sysname null",
        ],
    ),
    absent(
        "credentials",
        &[
            "credential_id int, name sysname, credential_identity nvarchar(4000) null, create_date datetime",
            "modify_date datetime, target_type nvarchar(100) null, target_id int null",
        ],
    ),
    absent(
        "database_credentials",
        &[
            "name sysname, principal_id int null, credential_id int, credential_identity nvarchar(4000) null",
            "create_date datetime, modify_date datetime, target_type nvarchar(100) null, target_id int null",
        ],
    ),
    absent(
        "database_scoped_credentials",
        &[
            "name sysname, principal_id int null, credential_id int, credential_identity nvarchar(4000) null",
            "create_date datetime, modify_date datetime, target_type nvarchar(100) null, target_id int null",
        ],
    ),
    absent(
        "cryptographic_providers",
        &[
            "provider_id int, name sysname, guid uniqueidentifier null, version nvarchar(24) null",
            "dll_path nvarchar(520) null, is_enabled bit null",
        ],
    ),
    absent(
        "database_audit_specifications",
        &[
            "database_specification_id int, name sysname, create_date datetime, modify_date datetime",
            "audit_guid uniqueidentifier null, is_state_enabled bit null",
        ],
    ),
    absent(
        "database_audit_specification_details",
        &[
            "database_specification_id int, audit_action_id char(4), audit_action_name sysname null",
            "class tinyint, class_desc nvarchar(60) null, major_id int, minor_id int, audited_principal_id int null",
            "audited_result nvarchar(60) null, is_group bit null",
        ],
    ),
    absent(
        "sensitivity_classifications",
        &[
            "class int, class_desc varchar(16), major_id int, minor_id int, label sysname null",
            "label_id sysname null, information_type sysname null, information_type_id sysname null",
            "rank int null, rank_desc varchar(8) null",
        ],
    ),
];
