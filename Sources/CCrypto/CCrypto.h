#if !__has_include(<openssl/sha.h>)
#error "OpenSSL is missing. Install it: apt-get install libopenblas-dev libxxhash-dev zlib1g-dev libzstd-dev libssl-dev pkg-config"
#endif
#include <openssl/rand.h>
#include <openssl/sha.h>
