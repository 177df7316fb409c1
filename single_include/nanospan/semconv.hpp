// SPDX-License-Identifier: Apache-2.0

// nanospan, nanospan/semconv.hpp, beside the single header. Made from include/ by single_include/amalgamate.py: edit there.

#pragma once

// Keys and well-known values of OpenTelemetry's semantic conventions 1.44.0, to be used as `{semconv::http_request_method, "GET"}`.
// Stable ones, and host's and process's, which say so where they are not. Opt-in: not part of nanospan.hpp.
// Made by proto/semconv/make.py from the list beside it: edit there.

#include "../nanospan.hpp"

#include <string_view>

/// A key is the constant of its name with _ for each dot; a value of one is named after key and value, and is text for an attribute. A key
/// that ends in a name of the user's own is a prefix: `{nanospan::copied{std::string{semconv::http_request_header_prefix} + "accept"}, ...}`.
namespace nanospan::inline v0::semconv {

inline constexpr literal client_address = "client.address";  ///< Client address - domain name if available without reverse DNS lookup; otherwise, IP address or UNIX domain socket name
inline constexpr literal client_port = "client.port";  ///< Client port number

inline constexpr literal code_column_number = "code.column.number";  ///< The column number in `code.file.path` best representing the operation
inline constexpr literal code_file_path = "code.file.path";  ///< The source code filename that identifies the code unit as uniquely as possible (preferably an absolute file path)
inline constexpr literal code_function_name = "code.function.name";  ///< The method or function fully-qualified name without arguments
inline constexpr literal code_line_number = "code.line.number";  ///< The line number in `code.file.path` best representing the operation
inline constexpr literal code_stacktrace = "code.stacktrace";  ///< A stacktrace as a string in the natural representation for the language runtime

inline constexpr literal db_collection_name = "db.collection.name";  ///< The name of a collection (table, container) within the database
inline constexpr literal db_namespace = "db.namespace";  ///< The name of the database, fully qualified within the server address and port
inline constexpr literal db_operation_batch_size = "db.operation.batch.size";  ///< The number of database operations included in a batch operation
inline constexpr literal db_operation_name = "db.operation.name";  ///< The name of the operation or command being executed
inline constexpr literal db_query_summary = "db.query.summary";  ///< Low cardinality summary of a database query
inline constexpr literal db_query_text = "db.query.text";  ///< The database query being executed
inline constexpr literal db_response_status_code = "db.response.status_code";  ///< Database response status code
inline constexpr literal db_stored_procedure_name = "db.stored_procedure.name";  ///< The name of a stored procedure within the database
inline constexpr literal db_system_name = "db.system.name";  ///< The database management system (DBMS) product as identified by the client instrumentation
inline constexpr std::string_view db_system_name_other_sql = "other_sql";  ///< (development)
inline constexpr std::string_view db_system_name_softwareag_adabas = "softwareag.adabas";  ///< (development)
inline constexpr std::string_view db_system_name_actian_ingres = "actian.ingres";  ///< (development)
inline constexpr std::string_view db_system_name_aws_dynamodb = "aws.dynamodb";  ///< (development)
inline constexpr std::string_view db_system_name_aws_redshift = "aws.redshift";  ///< (development)
inline constexpr std::string_view db_system_name_azure_cosmosdb = "azure.cosmosdb";  ///< (development)
inline constexpr std::string_view db_system_name_intersystems_cache = "intersystems.cache";  ///< (development)
inline constexpr std::string_view db_system_name_cassandra = "cassandra";  ///< (development)
inline constexpr std::string_view db_system_name_clickhouse = "clickhouse";  ///< (development)
inline constexpr std::string_view db_system_name_cockroachdb = "cockroachdb";  ///< (development)
inline constexpr std::string_view db_system_name_couchbase = "couchbase";  ///< (development)
inline constexpr std::string_view db_system_name_couchdb = "couchdb";  ///< (development)
inline constexpr std::string_view db_system_name_derby = "derby";  ///< (development)
inline constexpr std::string_view db_system_name_elasticsearch = "elasticsearch";  ///< (development)
inline constexpr std::string_view db_system_name_firebirdsql = "firebirdsql";  ///< (development)
inline constexpr std::string_view db_system_name_gcp_spanner = "gcp.spanner";  ///< (development)
inline constexpr std::string_view db_system_name_geode = "geode";  ///< (development)
inline constexpr std::string_view db_system_name_h2database = "h2database";  ///< (development)
inline constexpr std::string_view db_system_name_hbase = "hbase";  ///< (development)
inline constexpr std::string_view db_system_name_hive = "hive";  ///< (development)
inline constexpr std::string_view db_system_name_hsqldb = "hsqldb";  ///< (development)
inline constexpr std::string_view db_system_name_ibm_db2 = "ibm.db2";  ///< (development)
inline constexpr std::string_view db_system_name_ibm_informix = "ibm.informix";  ///< (development)
inline constexpr std::string_view db_system_name_ibm_netezza = "ibm.netezza";  ///< (development)
inline constexpr std::string_view db_system_name_influxdb = "influxdb";  ///< (development)
inline constexpr std::string_view db_system_name_instantdb = "instantdb";  ///< (development)
inline constexpr std::string_view db_system_name_mariadb = "mariadb";
inline constexpr std::string_view db_system_name_memcached = "memcached";  ///< (development)
inline constexpr std::string_view db_system_name_mongodb = "mongodb";  ///< (development)
inline constexpr std::string_view db_system_name_microsoft_sql_server = "microsoft.sql_server";
inline constexpr std::string_view db_system_name_mysql = "mysql";
inline constexpr std::string_view db_system_name_neo4j = "neo4j";  ///< (development)
inline constexpr std::string_view db_system_name_opensearch = "opensearch";  ///< (development)
inline constexpr std::string_view db_system_name_oracle_db = "oracle.db";  ///< (development)
inline constexpr std::string_view db_system_name_postgresql = "postgresql";
inline constexpr std::string_view db_system_name_redis = "redis";  ///< (development)
inline constexpr std::string_view db_system_name_sap_hana = "sap.hana";  ///< (development)
inline constexpr std::string_view db_system_name_sap_maxdb = "sap.maxdb";  ///< (development)
inline constexpr std::string_view db_system_name_sqlite = "sqlite";  ///< (development)
inline constexpr std::string_view db_system_name_teradata = "teradata";  ///< (development)
inline constexpr std::string_view db_system_name_trino = "trino";  ///< (development)

inline constexpr literal deployment_environment_name = "deployment.environment.name";  ///< Name of the deployment environment (aka deployment tier)
inline constexpr std::string_view deployment_environment_name_production = "production";
inline constexpr std::string_view deployment_environment_name_staging = "staging";
inline constexpr std::string_view deployment_environment_name_test = "test";
inline constexpr std::string_view deployment_environment_name_development = "development";

inline constexpr literal error_type = "error.type";  ///< Describes a class of error the operation ended with
inline constexpr std::string_view error_type_other = "_OTHER";

inline constexpr literal exception_message = "exception.message";  ///< The exception message
inline constexpr literal exception_stacktrace = "exception.stacktrace";  ///< A stacktrace as a string in the natural representation for the language runtime
inline constexpr literal exception_type = "exception.type";  ///< The type of the exception (its fully-qualified class name, if applicable)

inline constexpr literal host_arch = "host.arch";  ///< The CPU architecture the host system is running on (development)
inline constexpr std::string_view host_arch_amd64 = "amd64";  ///< (development)
inline constexpr std::string_view host_arch_arm32 = "arm32";  ///< (development)
inline constexpr std::string_view host_arch_arm64 = "arm64";  ///< (development)
inline constexpr std::string_view host_arch_ia64 = "ia64";  ///< (development)
inline constexpr std::string_view host_arch_ppc32 = "ppc32";  ///< (development)
inline constexpr std::string_view host_arch_ppc64 = "ppc64";  ///< (development)
inline constexpr std::string_view host_arch_s390x = "s390x";  ///< (development)
inline constexpr std::string_view host_arch_x86 = "x86";  ///< (development)
inline constexpr literal host_cpu_cache_l2_size = "host.cpu.cache.l2.size";  ///< The amount of level 2 memory cache available to the processor (in Bytes) (development)
inline constexpr literal host_cpu_family = "host.cpu.family";  ///< Family or generation of the CPU (development)
inline constexpr literal host_cpu_model_id = "host.cpu.model.id";  ///< Model identifier (development)
inline constexpr literal host_cpu_model_name = "host.cpu.model.name";  ///< Model designation of the processor (development)
inline constexpr literal host_cpu_stepping = "host.cpu.stepping";  ///< Stepping or core revisions (development)
inline constexpr literal host_cpu_vendor_id = "host.cpu.vendor.id";  ///< Processor manufacturer identifier (development)
inline constexpr literal host_id = "host.id";  ///< Unique host ID (development)
inline constexpr literal host_image_id = "host.image.id";  ///< VM image ID or host OS image ID (development)
inline constexpr literal host_image_name = "host.image.name";  ///< Name of the VM image or OS install the host was instantiated from (development)
inline constexpr literal host_image_version = "host.image.version";  ///< The version string of the VM image or host OS as defined in Version Attributes (development)
inline constexpr literal host_ip = "host.ip";  ///< Available IP addresses of the host, excluding loopback interfaces (development)
inline constexpr literal host_mac = "host.mac";  ///< Available MAC addresses of the host, excluding loopback interfaces (development)
inline constexpr literal host_name = "host.name";  ///< Name of the host (development)
inline constexpr literal host_type = "host.type";  ///< Type of host (development)

inline constexpr std::string_view http_request_header_prefix = "http.request.header.";  ///< HTTP request headers, `<key>` being the normalized HTTP Header name (lowercase), the value being the header values
inline constexpr literal http_request_method = "http.request.method";  ///< HTTP request method
inline constexpr std::string_view http_request_method_connect = "CONNECT";
inline constexpr std::string_view http_request_method_delete = "DELETE";
inline constexpr std::string_view http_request_method_get = "GET";
inline constexpr std::string_view http_request_method_head = "HEAD";
inline constexpr std::string_view http_request_method_options = "OPTIONS";
inline constexpr std::string_view http_request_method_patch = "PATCH";
inline constexpr std::string_view http_request_method_post = "POST";
inline constexpr std::string_view http_request_method_put = "PUT";
inline constexpr std::string_view http_request_method_trace = "TRACE";
inline constexpr std::string_view http_request_method_query = "QUERY";  ///< (development)
inline constexpr std::string_view http_request_method_other = "_OTHER";
inline constexpr literal http_request_method_original = "http.request.method_original";  ///< Original HTTP method sent by the client in the request line
inline constexpr literal http_request_resend_count = "http.request.resend_count";  ///< The ordinal number of request resending attempt (for any reason, including redirects)
inline constexpr std::string_view http_response_header_prefix = "http.response.header.";  ///< HTTP response headers, `<key>` being the normalized HTTP Header name (lowercase), the value being the header values
inline constexpr literal http_response_status_code = "http.response.status_code";  ///< HTTP response status code
inline constexpr literal http_route = "http.route";  ///< The matched route template for the request

inline constexpr literal network_local_address = "network.local.address";  ///< Local address of the network connection - IP address or UNIX domain socket name
inline constexpr literal network_local_port = "network.local.port";  ///< Local port number of the network connection
inline constexpr literal network_peer_address = "network.peer.address";  ///< Peer address of the network connection - IP address or UNIX domain socket name
inline constexpr literal network_peer_port = "network.peer.port";  ///< Peer port number of the network connection
inline constexpr literal network_protocol_name = "network.protocol.name";  ///< OSI application layer or non-OSI equivalent
inline constexpr literal network_protocol_version = "network.protocol.version";  ///< The actual version of the protocol used for network communication
inline constexpr literal network_transport = "network.transport";  ///< OSI transport layer or inter-process communication method
inline constexpr std::string_view network_transport_tcp = "tcp";
inline constexpr std::string_view network_transport_udp = "udp";
inline constexpr std::string_view network_transport_pipe = "pipe";
inline constexpr std::string_view network_transport_unix = "unix";
inline constexpr std::string_view network_transport_quic = "quic";
inline constexpr literal network_type = "network.type";  ///< OSI network layer or non-OSI equivalent
inline constexpr std::string_view network_type_ipv4 = "ipv4";
inline constexpr std::string_view network_type_ipv6 = "ipv6";

inline constexpr literal otel_event_name = "otel.event.name";  ///< Identifies the class / type of event
inline constexpr literal otel_scope_name = "otel.scope.name";  ///< The name of the instrumentation scope - (`InstrumentationScope.Name` in OTLP)
inline constexpr literal otel_scope_version = "otel.scope.version";  ///< The version of the instrumentation scope - (`InstrumentationScope.Version` in OTLP)
inline constexpr literal otel_status_code = "otel.status_code";  ///< Name of the code, either "OK" or "ERROR"
inline constexpr std::string_view otel_status_code_ok = "OK";
inline constexpr std::string_view otel_status_code_error = "ERROR";
inline constexpr literal otel_status_description = "otel.status_description";  ///< Description of the Status if it has a value, otherwise not set

inline constexpr literal process_args_count = "process.args_count";  ///< Length of the process.command_args array (release candidate)
inline constexpr literal process_command = "process.command";  ///< The command used to launch the process (i.e. the command name) (release candidate)
inline constexpr literal process_command_args = "process.command_args";  ///< All the command arguments (including the command/executable itself) as received by the process (release candidate)
inline constexpr literal process_command_line = "process.command_line";  ///< The full command used to launch the process as a single string representing the full command (release candidate)
inline constexpr literal process_context_switch_type = "process.context_switch.type";  ///< Specifies whether the context switches for this data point were voluntary or involuntary (release candidate)
inline constexpr std::string_view process_context_switch_type_voluntary = "voluntary";  ///< (release candidate)
inline constexpr std::string_view process_context_switch_type_involuntary = "involuntary";  ///< (release candidate)
inline constexpr literal process_creation_time = "process.creation.time";  ///< The date and time the process was created, in ISO 8601 format (release candidate)
inline constexpr std::string_view process_environment_variable_prefix = "process.environment_variable.";  ///< Process environment variables, `<key>` being the environment variable name, the value being the environment variable value (release candidate)
inline constexpr literal process_executable_build_id_gnu = "process.executable.build_id.gnu";  ///< The GNU build ID as found in the `.note.gnu.build-id` ELF section (hex string) (release candidate)
inline constexpr literal process_executable_build_id_go = "process.executable.build_id.go";  ///< The Go build ID as retrieved by `go tool buildid <go executable>` (release candidate)
inline constexpr literal process_executable_build_id_htlhash = "process.executable.build_id.htlhash";  ///< Deterministic build ID for executables (release candidate)
inline constexpr literal process_executable_name = "process.executable.name";  ///< The name of the process executable (release candidate)
inline constexpr literal process_executable_path = "process.executable.path";  ///< The full path to the process executable (release candidate)
inline constexpr literal process_exit_code = "process.exit.code";  ///< The exit code of the process (release candidate)
inline constexpr literal process_exit_time = "process.exit.time";  ///< The date and time the process exited, in ISO 8601 format (release candidate)
inline constexpr literal process_group_leader_pid = "process.group_leader.pid";  ///< The PID of the process's group leader (release candidate)
inline constexpr literal process_interactive = "process.interactive";  ///< Whether the process is connected to an interactive shell (release candidate)
inline constexpr literal process_linux_cgroup = "process.linux.cgroup";  ///< The control group associated with the process (release candidate)
inline constexpr literal process_owner = "process.owner";  ///< The username of the user that owns the process (release candidate)
inline constexpr literal process_parent_pid = "process.parent_pid";  ///< Parent Process identifier (PPID) (release candidate)
inline constexpr literal process_pid = "process.pid";  ///< Process identifier (PID) (release candidate)
inline constexpr literal process_real_user_id = "process.real_user.id";  ///< The real user ID (RUID) of the process (release candidate)
inline constexpr literal process_real_user_name = "process.real_user.name";  ///< The username of the real user of the process (release candidate)
inline constexpr literal process_runtime_description = "process.runtime.description";  ///< An additional description about the runtime of the process, for example a specific vendor customization of the runtime environment (release candidate)
inline constexpr literal process_runtime_name = "process.runtime.name";  ///< The name of the runtime of this process (release candidate)
inline constexpr literal process_runtime_version = "process.runtime.version";  ///< The version of the runtime of this process, as returned by the runtime without modification (release candidate)
inline constexpr literal process_saved_user_id = "process.saved_user.id";  ///< The saved user ID (SUID) of the process (release candidate)
inline constexpr literal process_saved_user_name = "process.saved_user.name";  ///< The username of the saved user (release candidate)
inline constexpr literal process_session_leader_pid = "process.session_leader.pid";  ///< The PID of the process's session leader (release candidate)
inline constexpr literal process_state = "process.state";  ///< The process state, e.g., Linux Process State Codes (release candidate)
inline constexpr std::string_view process_state_running = "running";  ///< (release candidate)
inline constexpr std::string_view process_state_sleeping = "sleeping";  ///< (release candidate)
inline constexpr std::string_view process_state_stopped = "stopped";  ///< (release candidate)
inline constexpr std::string_view process_state_defunct = "defunct";  ///< (release candidate)
inline constexpr literal process_title = "process.title";  ///< Process title (proctitle) (release candidate)
inline constexpr literal process_user_id = "process.user.id";  ///< The effective user ID (EUID) of the process (release candidate)
inline constexpr literal process_user_name = "process.user.name";  ///< The username of the effective user of the process (release candidate)
inline constexpr literal process_vpid = "process.vpid";  ///< Virtual process identifier (release candidate)
inline constexpr literal process_working_directory = "process.working_directory";  ///< The working directory of the process (release candidate)

inline constexpr literal server_address = "server.address";  ///< Server domain name if available without reverse DNS lookup; otherwise, IP address or UNIX domain socket name
inline constexpr literal server_port = "server.port";  ///< Server port number

inline constexpr literal service_instance_id = "service.instance.id";  ///< The string ID of the service instance
inline constexpr literal service_name = "service.name";  ///< Logical name of the service
inline constexpr literal service_namespace = "service.namespace";  ///< A namespace for `service.name`
inline constexpr literal service_version = "service.version";  ///< The version string of the service component

inline constexpr literal telemetry_distro_name = "telemetry.distro.name";  ///< The name of the auto instrumentation agent or distribution, if used
inline constexpr literal telemetry_distro_version = "telemetry.distro.version";  ///< The version string of the auto instrumentation agent or distribution, if used
inline constexpr literal telemetry_sdk_language = "telemetry.sdk.language";  ///< The language of the telemetry SDK
inline constexpr std::string_view telemetry_sdk_language_cpp = "cpp";
inline constexpr std::string_view telemetry_sdk_language_dotnet = "dotnet";
inline constexpr std::string_view telemetry_sdk_language_erlang = "erlang";
inline constexpr std::string_view telemetry_sdk_language_go = "go";
inline constexpr std::string_view telemetry_sdk_language_java = "java";
inline constexpr std::string_view telemetry_sdk_language_kotlin = "kotlin";
inline constexpr std::string_view telemetry_sdk_language_nodejs = "nodejs";
inline constexpr std::string_view telemetry_sdk_language_php = "php";
inline constexpr std::string_view telemetry_sdk_language_python = "python";
inline constexpr std::string_view telemetry_sdk_language_ruby = "ruby";
inline constexpr std::string_view telemetry_sdk_language_rust = "rust";
inline constexpr std::string_view telemetry_sdk_language_swift = "swift";
inline constexpr std::string_view telemetry_sdk_language_webjs = "webjs";
inline constexpr literal telemetry_sdk_name = "telemetry.sdk.name";  ///< The name of the telemetry SDK as defined above
inline constexpr literal telemetry_sdk_version = "telemetry.sdk.version";  ///< The version string of the telemetry SDK

inline constexpr literal url_fragment = "url.fragment";  ///< The URI fragment component
inline constexpr literal url_full = "url.full";  ///< Absolute URL describing a network resource according to RFC3986
inline constexpr literal url_path = "url.path";  ///< The URI path component
inline constexpr literal url_query = "url.query";  ///< The URI query component
inline constexpr literal url_scheme = "url.scheme";  ///< The URI scheme component identifying the used protocol

inline constexpr literal user_agent_original = "user_agent.original";  ///< Value of the HTTP User-Agent header sent by the client

}  // namespace nanospan::inline v0::semconv
