//! Indexes and statistics of kinds that cannot be made here: full-text, spatial, XML, HASH.
use super::absent;
use crate::definition::Definition;
use crate::indexes::INDEX;

pub const VIEWS: &[Definition] = &[
    absent(
        "fulltext_catalogs",
        &[
            "fulltext_catalog_id int, name sysname, path nvarchar(260) null, is_default bit",
            "is_accent_sensitivity_on bit, data_space_id int null, file_id int null, principal_id int null",
            "is_importing bit",
        ],
    ),
    absent(
        "fulltext_indexes",
        &[
            "object_id int, unique_index_id int, fulltext_catalog_id int null, is_enabled bit",
            "change_tracking_state char(1) null, change_tracking_state_desc nvarchar(60) null",
            "has_crawl_completed bit, crawl_type char(1), crawl_type_desc nvarchar(60) null",
            "crawl_start_date datetime null, crawl_end_date datetime null, incremental_timestamp binary(8) null",
            "stoplist_id int null, property_list_id int null, data_space_id int",
        ],
    ),
    absent(
        "fulltext_index_columns",
        &[
            "object_id int, column_id int, type_column_id int null, language_id int, statistical_semantics int null",
        ],
    ),
    absent("fulltext_languages", &["lcid int, name sysname"]),
    absent(
        "fulltext_stoplists",
        &["stoplist_id int, name sysname, create_date datetime, modify_date datetime, principal_id int null"],
    ),
    absent(
        "fulltext_stopwords",
        &["stoplist_id int, stopword nvarchar(64), language sysname null, language_id int"],
    ),
    absent(
        "registered_search_property_lists",
        &[
            "property_list_id int, name sysname, create_date datetime, modify_date datetime, principal_id int null",
        ],
    ),
    absent(
        "registered_search_properties",
        &[
            "property_list_id int, property_id int, property_name nvarchar(256), property_set_guid uniqueidentifier",
            "property_int_id int, property_description nvarchar(512) null",
        ],
    ),
    absent("hash_indexes", &[INDEX, "bucket_count int"]),
    absent(
        "index_resumable_operations",
        &[
            "object_id int, index_id int, name sysname, sql_text nvarchar(max) null, last_max_dop_used smallint",
            "partition_number int null, state tinyint, state_desc nvarchar(60) null, start_time datetime",
            "last_pause_time datetime null, total_execution_time int, percent_complete float(53), page_count bigint",
        ],
    ),
    absent(
        "spatial_indexes",
        &[
            INDEX,
            "spatial_index_type tinyint, spatial_index_type_desc nvarchar(60) null, tessellation_scheme sysname null",
        ],
    ),
    absent(
        "spatial_index_tessellations",
        &[
            "object_id int, index_id int, tessellation_scheme sysname, bounding_box_xmin float(53) null",
            "bounding_box_ymin float(53) null, bounding_box_xmax float(53) null, bounding_box_ymax float(53) null",
            "level_1_grid smallint null, level_1_grid_desc nvarchar(60) null, level_2_grid smallint null",
            "level_2_grid_desc nvarchar(60) null, level_3_grid smallint null, level_3_grid_desc nvarchar(60) null",
            "level_4_grid smallint null, level_4_grid_desc nvarchar(60) null, cells_per_object int null",
        ],
    ),
    absent(
        "xml_indexes",
        &[
            INDEX,
            "using_xml_index_id int null, secondary_type char(1) null, secondary_type_desc nvarchar(60) null",
            "xml_index_type tinyint null, xml_index_type_description nvarchar(60) null, path_id int null",
        ],
    ),
    absent(
        "selective_xml_index_paths",
        &[
            "object_id int, index_id int, path_id int, path nvarchar(4000) null, name sysname, path_type tinyint",
            "path_type_desc sysname null, xml_component_id int, xquery_type_description nvarchar(4000) null",
            "is_xquery_type_inferred bit, xquery_max_length smallint null, is_xquery_max_length_inferred bit",
            "is_node bit, system_type_id tinyint null, user_type_id tinyint null, max_length smallint null",
            "precision tinyint null, scale tinyint null, collation_name sysname null, is_singleton bit",
        ],
    ),
    absent(
        "selective_xml_index_namespaces",
        &[
            "object_id int, index_id int, is_default_uri bit null, uri nvarchar(4000) null, prefix nvarchar(4000)",
        ],
    ),
];
