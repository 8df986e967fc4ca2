#if !__has_include(<xxhash.h>)
#error "xxHash is missing. Install it: apt-get install libopenblas-dev libxxhash-dev pkg-config"
#endif
#include <xxhash.h>
