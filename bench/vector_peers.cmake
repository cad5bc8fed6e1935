# The libraries that bench/vector is measured beside, those that are there: hnswlib and Faiss from
# Debian, and usearch, of which npm has the sources:
#   npm install --prefix build/peers --ignore-scripts usearch
# Gives the object library vector_peers.

add_library(vector_peers OBJECT vector_peers.cpp)
target_link_libraries(vector_peers PRIVATE base fmt::fmt warnings)
target_compile_options(vector_peers PRIVATE -O3 -march=native)
find_path(HNSWLIB hnswlib/hnswlib.h)
if(HNSWLIB)
  target_compile_definitions(vector_peers PRIVATE TROUPE_HNSWLIB)
endif()

find_package(OpenMP QUIET)
find_package(faiss QUIET CONFIG)
if(OpenMP_CXX_FOUND AND faiss_FOUND)
  target_compile_definitions(vector_peers PRIVATE TROUPE_FAISS)
  target_link_libraries(vector_peers PUBLIC faiss OpenMP::OpenMP_CXX)
endif()

# NumKong, usearch's kernels, comes with it as C, several minutes of it: -DUSEARCH=OFF saves them.
find_path(USEARCH include/usearch/index_dense.hpp NO_DEFAULT_PATH
  PATHS ${PROJECT_SOURCE_DIR}/build/peers/node_modules/usearch)
if(USEARCH)
  enable_language(C)
  file(GLOB NUMKONG ${USEARCH}/numkong/c/*.c)
  add_library(numkong STATIC ${NUMKONG})
  target_include_directories(numkong SYSTEM PUBLIC ${USEARCH}/numkong/include)
  target_compile_options(numkong PRIVATE -O3 -march=native -w)
  # GCC 12 has no __bf16, and its _Float16 is C's alone.
  target_compile_definitions(numkong PUBLIC NK_DYNAMIC_DISPATCH=1 NK_NATIVE_BF16=0 NK_NATIVE_F16=0)
  target_compile_definitions(vector_peers PRIVATE TROUPE_USEARCH USEARCH_USE_NUMKONG=1
    USEARCH_CAN_COMPILE_BF16=0 USEARCH_CAN_COMPILE_BFLOAT16=0)
  target_include_directories(vector_peers SYSTEM PRIVATE ${USEARCH}/include)
  target_link_libraries(vector_peers PUBLIC numkong)
endif()
