(method name: (_) @name body: (_)? @body) @definition
(singleton_method name: (_) @name body: (_)? @body) @definition
(class name: (_) @name body: (_)? @body) @definition
(module name: (_) @name body: (_)? @body) @definition
((call method: (identifier) @_word) @import (#any-of? @_word "require" "require_relative"))
