(function_definition name: (_) @name body: (_) @body) @definition
((command name: (command_name) @_word) @import (#any-of? @_word "source" "."))
