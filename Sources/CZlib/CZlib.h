#if !__has_include(<zlib.h>)
#error "zlib is missing. Install it: apt-get install libopenblas-dev libxxhash-dev zlib1g-dev libzstd-dev libssl-dev pkg-config"
#endif
#include <zlib.h>
