#if !__has_include(<zstd.h>)
#error "Zstandard is missing. Install it: apt-get install libopenblas-dev libxxhash-dev zlib1g-dev libzstd-dev libssl-dev pkg-config"
#endif
#include <zstd.h>
