(function_item name: (_) @name body: (_) @body) @definition
(function_signature_item name: (_) @name) @definition
(struct_item name: (_) @name) @definition
(enum_item name: (_) @name) @definition
(union_item name: (_) @name) @definition
(type_item name: (_) @name) @definition
(const_item name: (_) @name) @definition
(static_item name: (_) @name) @definition
(macro_definition name: (_) @name) @definition
(trait_item name: (_) @name body: (_) @body) @definition
(impl_item type: (_) @name body: (_) @body) @definition
(mod_item name: (_) @name body: (_) @body) @definition
(use_declaration) @import
