(class_declaration name: (_) @name body: (_) @body) @definition
(interface_declaration name: (_) @name body: (_) @body) @definition
(enum_declaration name: (_) @name) @definition
(record_declaration name: (_) @name body: (_) @body) @definition
(method_declaration name: (_) @name body: (_) @body) @definition
(method_declaration name: (_) @name !body) @definition
(constructor_declaration name: (_) @name body: (_) @body) @definition
(import_declaration) @import
