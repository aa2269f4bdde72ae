(function_definition name: (_) @name body: (_) @body) @definition
(class_declaration name: (_) @name body: (_) @body) @definition
(interface_declaration name: (_) @name body: (_) @body) @definition
(trait_declaration name: (_) @name body: (_) @body) @definition
(enum_declaration name: (_) @name body: (_) @body) @definition
(method_declaration name: (_) @name body: (_)? @body) @definition
(namespace_use_declaration) @import
