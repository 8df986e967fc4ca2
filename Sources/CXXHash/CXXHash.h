#if !__has_include(<xxhash.h>)
#error "xxHash is missing. Install it: apt-get install libopenblas-dev libxxhash-dev zlib1g-dev libzstd-dev libssl-dev pkg-config"
#endif
#include <xxhash.h>
