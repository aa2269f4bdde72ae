(class_declaration name: (_) @name body: (_) @body) @definition
(interface_declaration name: (_) @name body: (_) @body) @definition
(struct_declaration name: (_) @name body: (_) @body) @definition
(record_declaration name: (_) @name) @definition
(enum_declaration name: (_) @name) @definition
(method_declaration name: (_) @name body: (_) @body) @definition
(constructor_declaration name: (_) @name body: (_) @body) @definition
(property_declaration name: (_) @name) @definition
(using_directive) @import
