(component
  (import "hookyard:plugin/log@0.1.0" (instance
    (type $level (enum "debug" "info" "warn" "error"))
    (export "level" (type (eq $level)))
    (export "write" (func (param "level" $level) (param "message" string)))))
  (import "hookyard:plugin/config@0.1.0" (instance (export "get" (func (result string)))))
  (import "wasi:random/random@0.2.0" (instance (export "get-random-u64" (func (result u64))))))
