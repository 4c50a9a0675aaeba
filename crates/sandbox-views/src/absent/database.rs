//! Objects of kinds that cannot be made here, and features of a database that cannot be switched on.
use super::absent;
use crate::definition::Definition;
use crate::objects::OBJECT;

/// Of a procedure's parameter, up to its precision; with the name of its number, where it has one, before.
const PARAMETER: &str = "name sysname null, parameter_id int, system_type_id tinyint, user_type_id int, \
    max_length smallint, precision tinyint, scale tinyint, is_output bit, is_cursor_ref bit";

pub const VIEWS: &[Definition] = &[
    absent(
        "extended_properties",
        &[
            "class tinyint, class_desc nvarchar(60) null, major_id int, minor_id int, name sysname",
            "value sql_variant null",
        ],
    ),
    absent(
        "sequences",
        &[
            OBJECT,
            "start_value sql_variant, increment sql_variant, minimum_value sql_variant null",
            "maximum_value sql_variant null, is_cycling bit null, is_cached bit null, cache_size int null",
            "system_type_id tinyint, user_type_id int, precision tinyint, scale tinyint, current_value sql_variant",
            "is_exhausted bit, last_used_value sql_variant null",
        ],
    ),
    absent(
        "table_types",
        &[
            "name sysname, system_type_id tinyint, user_type_id int, schema_id int, principal_id int null",
            "max_length smallint, precision tinyint, scale tinyint, collation_name sysname null",
            "is_nullable bit null, is_user_defined bit, is_assembly_type bit, default_object_id int",
            "rule_object_id int, is_table_type bit, type_table_object_id int, is_memory_optimized bit null",
        ],
    ),
    absent(
        "periods",
        &[
            "name sysname, period_type tinyint null, period_type_desc nvarchar(60) null, object_id int",
            "start_column_id int, end_column_id int",
        ],
    ),
    absent(
        "procedures",
        &[
            OBJECT,
            "is_auto_executed bit, is_execution_replicated bit null, is_repl_serializable_only bit null",
            "skips_repl_constraints bit null",
        ],
    ),
    absent(
        "numbered_procedures",
        &["object_id int, procedure_number smallint, definition nvarchar(max) null"],
    ),
    absent("numbered_procedure_parameters", &["object_id int, procedure_number smallint", PARAMETER]),
    absent(
        "assembly_modules",
        &[
            "object_id int, assembly_id int, assembly_class sysname null, assembly_method sysname null",
            "null_on_null_input bit null, execute_as_principal_id int null",
        ],
    ),
    absent(
        "assembly_files",
        &["assembly_id int, name nvarchar(260) null, file_id int, content varbinary(max) null"],
    ),
    absent("assembly_references", &["assembly_id int, referenced_assembly_id int"]),
    absent(
        "assembly_types",
        &[
            "name sysname, system_type_id tinyint, user_type_id int, schema_id int, principal_id int null",
            "max_length smallint, precision tinyint, scale tinyint, collation_name sysname null",
            "is_nullable bit null, is_user_defined bit, is_assembly_type bit, default_object_id int",
            "rule_object_id int, assembly_id int, assembly_class sysname null, is_binary_ordered bit null",
            "is_fixed_length bit null, prog_id nvarchar(40) null, assembly_qualified_name nvarchar(4000) null",
            "is_table_type bit",
        ],
    ),
    absent(
        "function_order_columns",
        &["object_id int, order_column_id int, column_id int, is_descending bit null"],
    ),
    absent(
        "internal_tables",
        &[
            OBJECT,
            "internal_type tinyint null, internal_type_desc nvarchar(60) null, parent_id int, parent_minor_id int",
            "lob_data_space_id int, filestream_data_space_id int null",
        ],
    ),
    absent(
        "edge_constraints",
        &[
            OBJECT,
            "is_disabled bit, is_not_trusted bit, is_system_named bit, delete_referential_action tinyint null",
            "delete_referential_action_desc nvarchar(60) null",
        ],
    ),
    absent(
        "edge_constraint_clauses",
        &["object_id int, from_object_id int, to_object_id int, clause_number int"],
    ),
    absent(
        "filetables",
        &[
            "object_id int, is_enabled bit, directory_name nvarchar(255) null, filename_collation_id int null",
            "filename_collation_name sysname null",
        ],
    ),
    absent("filetable_system_defined_objects", &["object_id int, parent_object_id int"]),
    absent(
        "external_data_sources",
        &[
            "data_source_id int, name sysname, location nvarchar(4000), type_desc nvarchar(255) null, type tinyint",
            "resource_manager_location nvarchar(4000) null, credential_id int, database_name sysname null",
            "shard_map_name sysname null, connection_options nvarchar(4000) null, pushdown nvarchar(256) null",
        ],
    ),
    absent(
        "external_file_formats",
        &[
            "file_format_id int, name sysname, format_type nvarchar(100), field_terminator nvarchar(10) null",
            "string_delimiter nvarchar(10) null, date_format nvarchar(50) null, use_type_default bit",
            "serde_method nvarchar(255) null, row_terminator nvarchar(10) null, encoding nvarchar(10) null",
            "data_compression nvarchar(255) null, first_row int null",
        ],
    ),
    absent(
        "external_tables",
        &[
            OBJECT,
            "max_column_id_used int, uses_ansi_nulls bit null, data_source_id int, file_format_id int null",
            "location nvarchar(4000) null, reject_type nvarchar(20) null, reject_value float(53) null",
            "reject_sample_value float(53) null, distribution_type tinyint null",
            "distribution_desc nvarchar(120) null, sharding_col_id int null, remote_schema_name sysname null",
            "remote_object_name sysname null, rejected_row_location nvarchar(4000) null",
        ],
    ),
    absent(
        "external_libraries",
        &[
            "external_library_id int, name sysname null, principal_id int null, language sysname null, scope int",
            "scope_desc varchar(7)",
        ],
    ),
    absent(
        "external_library_files",
        &[
            "external_library_id int, content varbinary(max) null, platform tinyint null, platform_desc nvarchar(60) null",
        ],
    ),
    absent(
        "remote_data_archive_tables",
        &[
            "object_id int, remote_database_id int, remote_table_name sysname null, filter_predicate nvarchar(max) null",
            "migration_direction tinyint null, migration_direction_desc nvarchar(60) null, is_migration_paused bit null",
            "is_reconciled bit null",
        ],
    ),
    absent(
        "dm_database_encryption_keys",
        &[
            "database_id int, encryption_state int null, create_date datetime null, regenerate_date datetime null",
            "modify_date datetime null, set_date datetime null, opened_date datetime null",
            "key_algorithm nvarchar(32) null, key_length int null, encryptor_thumbprint varbinary(20) null",
            "encryptor_type nvarchar(32) null, percent_complete real",
        ],
    ),
];
