(component
  (core module $m
    (memory (export "memory") 1)
    (func (export "describe") (result i32) i32.const 0)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) i32.const 64))
  (core instance $i (instantiate $m))
  (func $describe (result string)
    (canon lift (core func $i "describe") (memory $i "memory") (realloc (func $i "realloc"))))
  (export "describe" (func $describe)))
