module rondo.example/benchmarks/go_net

go 1.24
